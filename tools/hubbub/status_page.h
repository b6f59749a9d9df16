/* status_page.h - `hubbub status`: what runs, and how much memory it holds. */
#pragma once

int status_main(int argc, char **argv);
