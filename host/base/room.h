/* room: will a standard stream take bytes at once? Its descriptor blocks, and is shared with other programs, so its
 * flags are not ours to change: poll(2) tells, and promises so many bytes. */
#ifndef BASE_ROOM_H
#define BASE_ROOM_H

#include <stdbool.h>
#include <stddef.h>

/* How many bytes are taken at once where room_is_there; SIZE_MAX: any, since nobody who may be behind reads it. */
size_t room_most(int fd);

/* Is there room, or will there be within `ms`? Also where writing would fail, which it then does at once. */
bool room_is_there(int fd, int ms);

#endif
