#!/usr/bin/env python3
"""Two WebRTC peers in Python that may use nothing but relay addresses: aioice (ICE) or aiortc (a data channel).

  python_peers.py ice ...           a few datagrams each way through ICE
  python_peers.py data --bytes N    N bytes each way over one data channel (SCTP over DTLS over ICE)

TLS trusts the certificates in the file that SSL_CERT_FILE names. Writes one line of JSON with what happened; exit code 0 when everything arrived.
"""
import argparse
import asyncio
import hashlib
import json
import sys
import time

import ice_servers

CHUNK = 16_000


async def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=["ice", "data"])
    parser.add_argument("--bytes", type=int, default=4_000_000)
    parser.add_argument("--limit", type=float, default=60, help="seconds for all of it")
    ice_servers.add_arguments(parser)
    options = parser.parse_args()
    servers = [ice_servers.from_arguments(options, number) for number in range(2)]
    work = over_ice(servers) if options.kind == "ice" else over_data_channel(servers, options.bytes)
    try:
        result = await asyncio.wait_for(work, options.limit)
    except Exception as error:
        result = {"ok": False, "error": type(error).__name__, "text": str(error)}
    print(json.dumps(result), flush=True)
    return 0 if result["ok"] else 1


async def over_ice(servers):
    import aioice

    peers = []
    for number, (server, *_) in enumerate(servers):
        host, port, transport, is_secure = ice_servers.turn_server(server)
        peers.append(aioice.Connection(
            ice_controlling=number == 0,
            turn_server=(host, port),
            turn_transport=transport,
            turn_ssl=is_secure,
            turn_username=server["username"],
            turn_password=server["credential"],
            transport_policy=aioice.TransportPolicy.RELAY,
        ))
    try:
        for peer in peers:
            await peer.gather_candidates()
        for peer, other in (peers, peers[::-1]):
            for candidate in other.local_candidates:
                await peer.add_remote_candidate(candidate)
            await peer.add_remote_candidate(None)
            peer.remote_username, peer.remote_password = other.local_username, other.local_password
        await asyncio.gather(*(peer.connect() for peer in peers))
        echoed = 0
        for size in (1, 2, 3, 4, 100, 1171, 1200):  # every remainder of four, for the padding
            for peer, other in (peers, peers[::-1]):
                data = bytes(number % 251 for number in range(size))
                await peer.send(data)
                echoed += await other.recv() == data
        candidates = [candidate for peer in peers for candidate in peer.local_candidates]
        return {
            "ok": echoed == 14 and all(candidate.type == "relay" for candidate in candidates),
            "arrived": echoed,
            "relays": [f"{candidate.host}:{candidate.port}" for candidate in candidates],
        }
    finally:
        for peer in peers:
            await peer.close()


async def over_data_channel(servers, size):
    from aiortc import RTCConfiguration, RTCIceServer, RTCIceTransportPolicy, RTCPeerConnection

    peers = [
        RTCPeerConnection(RTCConfiguration(
            iceServers=[RTCIceServer(**server) for server in own],
            iceTransportPolicy=RTCIceTransportPolicy.RELAY,
        ))
        for own in servers
    ]
    try:
        channel = peers[0].createDataChannel("data")
        accepted = asyncio.get_running_loop().create_future()
        peers[1].on("datachannel", accepted.set_result)
        await peers[0].setLocalDescription(await peers[0].createOffer())
        await peers[1].setRemoteDescription(peers[0].localDescription)
        await peers[1].setLocalDescription(await peers[1].createAnswer())
        await peers[0].setRemoteDescription(peers[1].localDescription)
        descriptions = [peer.localDescription.sdp for peer in peers]
        lines = [line for sdp in descriptions for line in sdp.splitlines() if line.startswith("a=candidate")]
        types = {line.split(" typ ")[1].split()[0] for line in lines}
        other = await accepted
        ends = [asyncio.create_task(transfer(end, size, seed)) for seed, end in enumerate((channel, other))]
        started = time.monotonic()
        sent_and_received = await asyncio.gather(*ends)
        seconds = time.monotonic() - started
        (sent0, got0), (sent1, got1) = sent_and_received
        return {
            "ok": sent0 == got1 and sent1 == got0 and types == {"relay"},
            "types": sorted(types),
            "bytes": 2 * size,
            "seconds": round(seconds, 2),
        }
    finally:
        for peer in peers:
            await peer.close()


async def transfer(channel, size, seed):
    """Sends `size` bytes and receives as many; returns the digests of both."""
    received, left, done = hashlib.sha256(), size, asyncio.Event()
    ready = asyncio.Event()

    def take(message):
        nonlocal left
        received.update(message)
        left -= len(message)
        if left <= 0:
            done.set()

    channel.on("message", take)
    channel.bufferedAmountLowThreshold = 8 * CHUNK
    channel.on("bufferedamountlow", ready.set)
    opened = asyncio.Event()
    channel.on("open", opened.set)
    if channel.readyState != "open":
        await opened.wait()
    sent, chunk = hashlib.sha256(), b""
    for start in range(0, size, CHUNK):
        chunk = hashlib.sha256(f"{seed} {start}".encode()).digest() * (CHUNK // 32)
        chunk = chunk[: size - start]
        while channel.bufferedAmount > 32 * CHUNK:
            ready.clear()
            await ready.wait()
        channel.send(chunk)
        sent.update(chunk)
    await done.wait()
    return sent.hexdigest(), received.hexdigest()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
