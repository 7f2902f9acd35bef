/* The checker: walks every structure of a host and names the first rule that does not hold. */
#ifndef PE_CHECK_H
#define PE_CHECK_H

#include "pe_host.h"

/* False and the broken rule in *reason (a fixed string that begins with the rule's number). deep:
   reads every swap slot and decodes every blob as well. Changes nothing. PE_ERR_NO_MEMORY: it could
   not be done. */
PE_MUST_USE pe_status pe_check(pe_host *host, bool deep, const char **reason);

#endif
