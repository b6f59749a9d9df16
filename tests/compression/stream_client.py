# A client of python3-websockets: one zlib.decompressobj for the connection. Arguments: the URL, a token, how many messages. Prints the
# contents of that many MESSAGE_CREATE, a JSON string a line, behind a line "ready".
import asyncio
import json
import sys
import zlib

import websockets


async def main(url, token, wanted):
    inflater = zlib.decompressobj()
    async with websockets.connect(url, max_size=None, compression=None) as ws:
        async for data in ws:
            assert isinstance(data, bytes) and data.endswith(b"\x00\x00\xff\xff"), data
            frame = json.loads(inflater.decompress(data))
            assert not inflater.unconsumed_tail and not inflater.eof
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
