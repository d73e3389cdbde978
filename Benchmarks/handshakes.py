"""A storm of TLS handshakes (attacks row 39): a load that runs beside calls.

So many clients at a time finish the handshake and close, and begin anew, as fast as both ends can. They come from 100 addresses,
since challenge-rate-limit bounds how often one may begin TLS.

  Benchmarks/handshakes.py PORT SECONDS [COUNT]
"""
import asyncio
import ssl
import sys
import time

from bench import start_beside

COUNT, ADDRESSES = 64, 100
# How long one waits that was refused, in seconds: else it would be nothing but a storm of connections.
PAUSE = 0.05


async def client(number, port, end, context):
    """One handshake after another; returns how many came to their end."""
    done = 0
    while time.monotonic() < end:
        try:
            address = f"127.0.1.{1 + (number + done * COUNT) % ADDRESSES}"
            _, writer = await asyncio.wait_for(
                asyncio.open_connection("127.0.0.1", port, ssl=context, local_addr=(address, 0)), 10)
            done += 1
            writer.close()
            await writer.wait_closed()
        except (OSError, asyncio.TimeoutError):
            await asyncio.sleep(PAUSE)
    return done


async def storm(port, seconds, count):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    end = time.monotonic() + seconds
    return sum(await asyncio.gather(*(client(number, port, end, context) for number in range(count))))


def start(port, seconds, count=COUNT):
    """Has them run beside the caller; `finish_beside` says how many handshakes there were."""
    return start_beside(__file__, port, seconds, count)


def main():
    print(asyncio.run(storm(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else COUNT)))


if __name__ == "__main__":
    main()
