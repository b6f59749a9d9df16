/* descriptors.h - the proto files of all services and of lib/rpc, with what they import, as a packed FileDescriptorSet.
 */
#pragma once
#include <stddef.h>

extern const unsigned char rpc_descriptors[];
extern const size_t rpc_descriptors_n;
