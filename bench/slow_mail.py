"""`python -m bench.slow_mail`: a mail server that thinks for 50 ms about each message.

Prints its port; when its input ends, how many messages it took under how many ids.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter

THINKS_S = 0.05

taken: Counter[bytes] = Counter()


async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 here\r\n")
    while line := await reader.readline():
        verb = line[:4].upper()
        if verb == b"DATA":
            writer.write(b"354 go on\r\n")
            key = b""
            while (line := await reader.readline()) not in (b".\r\n", b""):
                if line[:11].lower() == b"message-id:":
                    key = line
            await asyncio.sleep(THINKS_S)
            taken[key] += 1
        writer.write(b"250 fine\r\n" if verb != b"QUIT" else b"221 bye\r\n")
        await writer.drain()
    writer.close()


async def main() -> None:
    server = await asyncio.start_server(converse, "127.0.0.1", 0, limit=2**22)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    print(json.dumps({"taken": taken.total(), "ids": len(taken)}), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
