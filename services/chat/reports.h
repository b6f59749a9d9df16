/* reports.h - the bounds of reports, which the service Reports keeps and the janitor shares. */
#pragma once

enum { REPORTS_A_DAY = 25 };  /* of one reporter; one more is answered ST_RATE_LIMITED */
enum { REPORT_DAYS = 180 };   /* how long a resolved report is kept, and the files of what it shows */
