#pragma once
// Class names.

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nestor {

// The lines of library/labels/imagenet1k.txt.
extern const std::string_view kImagenetText;

// The lines of library/labels/imagenet1k_wordnet.txt: the WordNet ids of these classes, as folders of
// ImageNet are called.
extern const std::string_view kWordnetText;

// The lines of library/labels/coco80.txt: COCO's categories by ascending id, which networks number
// from 0.
extern const std::string_view kCocoText;

// The lines of library/labels/ade20k150.txt: the classes of ADE20K's scene parsing, as
// dmlc/gluon-cv:gluoncv/data/ade20k/segmentation.py@v0.7.0 names them.
extern const std::string_view kAdeText;

// The ids that COCO's own files have for these.
std::span<const int> coco_category_ids();

// One name a line; empty lines at the end are left out.
std::vector<std::string> split_labels(std::string_view text);

}  // namespace nestor
