/* The page may load its own two files and read /openapi.json, and nothing else from anywhere. */
#include "services/gateway/edge/docs_routes.h"
#include "services/gateway/docs/docs.h"
#include "services/gateway/edge/exchange.h"

static const char page_headers[] =
    "Content-Security-Policy: default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n"
    "Referrer-Policy: no-referrer\r\nCache-Control: no-cache\r\n";
static const char file_headers[] = "Cache-Control: no-cache\r\n";

void docs_openapi(struct exchange *x)
{
    exchange_answer(x, 200, "application/json", file_headers, docs_openapi_json.bytes, docs_openapi_json.n);
}

void docs_page(struct exchange *x)
{
    exchange_answer(x, 200, "text/html; charset=utf-8", page_headers, docs_page_html.bytes, docs_page_html.n);
}

void docs_style(struct exchange *x)
{
    exchange_answer(x, 200, "text/css; charset=utf-8", file_headers, docs_page_css.bytes, docs_page_css.n);
}

void docs_script(struct exchange *x)
{
    exchange_answer(x, 200, "text/javascript; charset=utf-8", file_headers, docs_page_js.bytes, docs_page_js.n);
}
