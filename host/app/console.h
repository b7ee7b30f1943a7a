/* console: standard input and output for Lua code that may wait, and what a terminal needs: the module wsbot.console,
 * which lualib/wsbot/connect.lua alone uses. Neither a slow reader of our output nor a writer that takes its time keeps
 * the loop from turning. */
#ifndef APP_CONSOLE_H
#define APP_CONSOLE_H

#include <lua.h>

/* Opens standard input and output, and pushes the module. Its functions:
 *   read() -> bytes, or nil at the end           waits
 *   write(text) -> true, or nil, word, message   waits while much is to be written already
 *   put(text)                                    never waits; write returns what has failed
 *   flush()                                      waits until all is written
 *   hangup()                                     waits until nobody reads the output any more; for a file without end
 *   size() -> columns, rows                      of the terminal
 *   resized()                                    waits until the size has changed since the last call
 *   raw(on)                                      keys one by one, or lines
 *   suspend()                                    as Ctrl-Z does; returns when the program goes on
 *   width(codepoint) -> columns                  0: it combines with the one before; -1: it cannot be shown
 *   trace(fn)                                    fn(lines) hears what passes on connections (net/conn/record.h), and
 *                                                may not wait
 * and fields: input_is_terminal, output_is_terminal, error_is_terminal. May raise. */
int luaopen_console(lua_State *L);

#endif
