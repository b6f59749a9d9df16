/* docs.h - the files behind /docs and /openapi.json, as they were when the gateway was built. Constant. */
#pragma once
#include <stddef.h>

struct docs_file {
    const unsigned char *bytes; /* not NUL-terminated */
    size_t n;
};
extern const struct docs_file docs_page_html, docs_page_css, docs_page_js, docs_openapi_json;
