# A bot of discord.py (Debian's python3-discord), unchanged but for where the API is; it asks for zlib-stream by itself. Arguments:
# the API's URL and a token. Says "ready" and "resumed" on its output; !drop in a channel makes it lose its socket.
import sys

import discord

discord.http.Route.BASE = sys.argv[1]
intents = discord.Intents.default()
intents.message_content = True
# Sharded: that one takes the gateway's URL from /gateway/bot.
bot = discord.AutoShardedClient(intents=intents)


@bot.event
async def on_ready():
    print("ready", flush=True)


@bot.event
async def on_shard_resumed(_):
    print("resumed", flush=True)


@bot.event
async def on_message(message):
    if message.content == "!ping":
        await message.channel.send("pong from discord.py")
    elif message.content == "!drop":
        shard = bot.get_shard(0)
        shard._parent.ws.socket._response.connection.transport.abort()


bot.run(sys.argv[2])
