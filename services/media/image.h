/* image.h - width and height from the first bytes of an image, without decoding it. Pure; for bytes that nobody vouches
 * for: reads nothing outside the n bytes given, and ends after at most n steps. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Enough for a JPEG whose dimensions stand behind a full EXIF block and a colour profile. */
enum { IMAGE_HEAD_BYTES = 256 << 10 };

/* PNG, JPEG, GIF and WebP. false (and *ret_* untouched) for all else, for a truncated head and for a dimension of 0. */
bool image_size(const uint8_t *head, size_t n, uint32_t *ret_width, uint32_t *ret_height);
