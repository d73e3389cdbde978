"""Where the helpers of the system tests get TURN servers and credentials from: their command line, in the form that
browsers take (RTCIceServer of the WebRTC recommendation)."""
import base64
import hashlib
import hmac
import json
import time


def add_arguments(parser):
    parser.add_argument("--turn", default="127.0.0.1:3478", help="address:port of the server, for UDP and TCP")
    parser.add_argument("--tls", default="127.0.0.1:5349", help="address:port of the server for TLS")
    parser.add_argument("--transport", action="append", choices=["udp", "tcp", "tls"],
                        help="how the peers reach the server (default: udp); twice for each its own")
    parser.add_argument("--user", default="")
    parser.add_argument("--password", default="")
    parser.add_argument("--secret", help="make a user name that expires and its password from this shared secret")
    parser.add_argument("--ttl", type=int, default=600, help="seconds until that user name expires; may be negative")
    parser.add_argument("--ice-servers", help="JSON with the ICE servers, as a service would hand them to a browser")


def from_arguments(options, number=0):
    """A list of RTCIceServer as dictionaries, for the peer of this number."""
    if options.ice_servers is not None:
        return turn_over_udp(json.loads(options.ice_servers))
    user, password = options.user, options.password
    if options.secret is not None:
        user, password = time_limited(options.secret, user or "test", options.ttl)
    transports = options.transport or ["udp"]
    transport = transports[min(number, len(transports) - 1)]
    url = f"turns:{options.tls}?transport=tcp" if transport == "tls" else f"turn:{options.turn}?transport={transport}"
    return [{"urls": [url], "username": user, "credential": password}]


def turn_server(server):
    """Of a RTCIceServer: host, port, "udp" or "tcp", and whether it is TLS."""
    scheme, place = server["urls"][0].split(":", 1)
    place, _, transport = place.partition("?transport=")
    host, port = place.rsplit(":", 1)
    return host.strip("[]"), int(port), transport or "udp", scheme == "turns"


def time_limited(secret, user, ttl):
    """User name and password of draft-uberti-behave-turn-rest-00, section 2.2."""
    name = f"{int(time.time()) + ttl}:{user}"
    return name, base64.b64encode(hmac.new(secret.encode(), name.encode(), hashlib.sha1).digest()).decode()


def turn_over_udp(document):
    """What of a printed document can be used over UDP; the document is the list, or has it as `iceServers`."""
    servers = document.get("iceServers", document) if isinstance(document, dict) else document
    servers = servers if isinstance(servers, list) else [servers]
    chosen = []
    for server in servers:
        urls = server["urls"] if isinstance(server["urls"], list) else [server["urls"]]
        urls = [url for url in urls if url.startswith("turn:") and not url.endswith("transport=tcp")]
        if urls:
            chosen.append({**server, "urls": urls})
    return chosen
