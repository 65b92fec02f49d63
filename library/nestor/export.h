#pragma once
// The mark of everything that libnestor.so exports; all else in it is hidden.

#define NESTOR_API __attribute__((visibility("default")))
