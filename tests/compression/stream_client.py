# A client of python3-websockets with one decompressor for the connection, of zlib or of python3-zstandard. Arguments: the URL (its
# compress= says which), a token, how many messages. Prints the contents of that many MESSAGE_CREATE, a JSON string a line, behind a
# line "ready".
import asyncio
import json
import sys
import zlib

import websockets


def inflater_of(url):
    if "compress=zstd-stream" in url:
        import zstandard

        return zstandard.ZstdDecompressor().decompressobj().decompress
    inflater = zlib.decompressobj()

    def inflate(data):
        assert data.endswith(b"\x00\x00\xff\xff"), data
        text = inflater.decompress(data)
        assert not inflater.unconsumed_tail and not inflater.eof
        return text

    return inflate


async def main(url, token, wanted):
    inflate = inflater_of(url)
    async with websockets.connect(url, max_size=None, compression=None) as ws:
        async for data in ws:
            assert isinstance(data, bytes), data
            frame = json.loads(inflate(data))
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
