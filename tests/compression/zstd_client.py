# A client of python3-websockets and python3-zstandard: one decompressobj for the connection. Arguments: the URL, a token, how many
# messages. Prints the contents of that many MESSAGE_CREATE, a JSON string a line, behind a line "ready".
import asyncio
import json
import sys

import websockets
import zstandard


async def main(url, token, wanted):
    inflater = zstandard.ZstdDecompressor().decompressobj()
    async with websockets.connect(url, max_size=None, compression=None) as ws:
        async for data in ws:
            frame = json.loads(inflater.decompress(data))
            if frame["op"] == 10:
                d = {"token": token, "intents": 1 << 0 | 1 << 9 | 1 << 15, "properties": {"os": "linux", "browser": "test", "device": ""}}
                await ws.send(json.dumps({"op": 2, "d": d}))
            elif frame["t"] == "GUILD_CREATE":
                print("ready", flush=True)
            elif frame["t"] == "MESSAGE_CREATE":
                print(json.dumps(frame["d"]["content"]), flush=True)
                wanted -= 1
                if not wanted:
                    return


asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
