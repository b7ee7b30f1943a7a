/* descriptor: sockets as all of ours are, on systems that can ask for that in one call and on those that cannot. */
#ifndef BASE_DESCRIPTOR_H
#define BASE_DESCRIPTOR_H

/* A socket of this family and type that never blocks, and that programs we start do not get. Negative: see errno. */
int descriptor_socket(int family, int type);

#endif
