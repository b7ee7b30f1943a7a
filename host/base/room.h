/* room: can bytes be written to a standard stream without blocking? Its descriptor is shared with other programs, so we
 * must not make it non-blocking; poll(2) says whether there is room, and for how much at least. */
#ifndef BASE_ROOM_H
#define BASE_ROOM_H

#include <stdbool.h>
#include <stddef.h>

/* How many bytes a write takes without blocking where room_is_there is true; SIZE_MAX: any number, as with a file,
 * which has no reader that may be behind. */
size_t room_most(int fd);

/* Is there room, or will there be within `ms` milliseconds? Also true where a write would fail, since it fails at
 * once. */
bool room_is_there(int fd, int ms);

#endif
