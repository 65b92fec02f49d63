#pragma once
// One name table a model family, each in its own file.

#include "weights_convert/rename/name_table.h"

namespace nestor {

NameTable deeplab_names();
NameTable efficientnet_names();
NameTable faster_rcnn_names();
NameTable resnest_names();
NameTable resnet_names();
NameTable senet_names();

}  // namespace nestor
