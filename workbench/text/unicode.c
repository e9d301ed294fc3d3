/* The tables alone; unicode.h reads them. */
#include "text/unicode.h"
#include "text/unicode_table.h"
