/* bot.h - `hubbub bot create`: an application, its bot and, when asked, its place in a guild. */
#pragma once

int bot_main(int argc, char **argv);
