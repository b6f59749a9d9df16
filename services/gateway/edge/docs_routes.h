/* docs_routes.h - /openapi.json and the page at /docs that shows it: bytes of the binary, for anybody. */
#pragma once
struct exchange;

void docs_openapi(struct exchange *);
void docs_page(struct exchange *);
void docs_style(struct exchange *);
void docs_script(struct exchange *);
