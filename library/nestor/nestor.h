#pragma once
// Nestor: inference for the ResNeSt family.
//
//   nestor::Classifier classifier(nestor::load_model("resnest50.safetensors"));
//   const nestor::Image photo = nestor::read_image("cat.jpg", classifier.info());
//   for (const nestor::Prediction& p : classifier.classify(photo))
//     std::cout << p.label << ' ' << p.probability << '\n';
//
// A Model is immutable and shared by any number of threads; a Session (and a Classifier, which has
// one) belongs to one thread. Errors are thrown as nestor::Error, whose code() says whose fault it
// was; after any but kDeviceLost the object that threw works on. Nothing here prints, aborts or
// exits.

#include "nestor/classifier.h"
#include "nestor/decode.h"
#include "nestor/detection_limits.h"
#include "nestor/detector.h"
#include "nestor/device.h"
#include "nestor/error.h"
#include "nestor/image.h"
#include "nestor/image_source.h"
#include "nestor/log.h"
#include "nestor/model.h"
#include "nestor/networks.h"
#include "nestor/preprocess.h"
#include "nestor/segmenter.h"
#include "nestor/session.h"
#include "nestor/task.h"
#include "nestor/tensor.h"
#include "nestor/version.h"
