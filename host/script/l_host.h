/* l_host: the module `host`, and what the program asks of a script through it. */
#ifndef SCRIPT_L_HOST_H
#define SCRIPT_L_HOST_H

#include "script/engine.h"

/* Calls the functions given to host.on_stop, first given first; an error in one is reported and the next is called. */
void l_host_call_on_stop(struct engine *e);

#endif
