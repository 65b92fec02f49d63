/* classify_c MODEL IMAGE: the C interface as a program outside the tree uses it. Prints the three
 * most probable classes and the shape of a tensor on the way; any broken promise ends it with 1. */

#include <nestor/nestor_c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIDE = 64, TOP = 3 };

static int complain(nestor_status status) {
  fprintf(stderr, "%s: %s\n", nestor_status_name(status), nestor_last_error());
  return (int)status;
}

#define MUST(condition)                                                                     \
  do {                                                                                      \
    if (!(condition)) {                                                                     \
      fprintf(stderr, "line %d: not %s (%s)\n", __LINE__, #condition, nestor_last_error()); \
      exit(1);                                                                              \
    }                                                                                       \
  } while (0)

static int num_messages, num_warnings;
static void count_message(int32_t level, const char* message, void* user) {
  MUST(message[0] != '\0' && user == &num_messages);
  ++num_messages;
  if (level == NESTOR_LOG_WARNING) ++num_warnings;
}

static nestor_tensor images_tensor(const void* data) {
  nestor_tensor tensor = NESTOR_TENSOR_INIT;
  tensor.data = data;
  tensor.rank = 4;
  tensor.shape[0] = 1;
  tensor.shape[1] = 3;
  tensor.shape[2] = tensor.shape[3] = SIDE;
  return tensor;
}

static void check_devices(void) {
  nestor_device devices[16] = {NESTOR_DEVICE_INIT};
  char why[256] = "?";
  int32_t count = 16, none = 0;
  MUST(nestor_list_devices(devices, &count) == NESTOR_OK);
  MUST(count >= 1 && count <= 16);
  MUST(strcmp(devices[count - 1].name, "cpu") == 0 && devices[count - 1].usable == 1);
  MUST(devices[count - 1].free_bytes > 0);
  MUST(devices[count - 1].free_bytes <= devices[count - 1].memory_bytes);
  MUST(nestor_list_devices(NULL, &none) == NESTOR_OK && none == count);
  MUST(nestor_why_no_gpu(why, sizeof why) == NESTOR_OK);
  MUST((why[0] == '\0') == (count > 1 && devices[0].usable == 1));
}

static void check_model(const nestor_model* model) {
  nestor_model_info info = NESTOR_MODEL_INFO_INIT;
  nestor_preprocess preprocess = NESTOR_PREPROCESS_INIT;
  const char* text = NULL;
  int32_t i, pooled = 0;
  MUST(nestor_model_get_info(model, &info) == NESTOR_OK);
  MUST(strcmp(info.network, "resnest14") == 0 && strcmp(info.task, "classification") == 0);
  MUST(strcmp(info.device, "cpu") == 0 && strcmp(info.source, "synthetic") == 0);
  MUST(info.num_classes == 1000 && info.synthetic == 1 && info.num_features == 2048);
  for (i = 0; i < info.num_tensors; ++i) {
    MUST(nestor_model_tensor_name(model, i, &text) == NESTOR_OK);
    if (strcmp(text, "avgpool") == 0) pooled = 1;
  }
  MUST(pooled);
  MUST(nestor_model_tensor_name(model, info.num_tensors, &text) == NESTOR_USAGE);
  MUST(nestor_model_label(model, 0, &text) == NESTOR_OK);
  MUST(nestor_model_label(model, 1000, &text) == NESTOR_USAGE);
  MUST(nestor_model_preprocess(model, &preprocess) == NESTOR_OK);
  MUST(preprocess.crop_size == 224 && strcmp(preprocess.rule, "crop") == 0);
  MUST(preprocess.mean[0] > 0.48F && preprocess.mean[0] < 0.49F && preprocess.std[2] > 0.2F);
}

/* What is known before the first run. */
static void check_signature(nestor_session* session) {
  nestor_tensor input = NESTOR_TENSOR_INIT, output = NESTOR_TENSOR_INIT;
  nestor_session_info info = NESTOR_SESSION_INFO_INIT;
  const char* taps[] = {"avgpool"};
  const char* plan = NULL;
  int32_t count = 0;
  MUST(nestor_session_get_info(session, &info) == NESTOR_OK);
  MUST(strcmp(info.device, "cpu") == 0 && strcmp(info.precision, "fp32") == 0);
  MUST(info.threads == 1 && info.num_slots == 1 && info.num_pending == 0 && info.warning == NULL);
  MUST(nestor_session_input(session, 0, &input) == NESTOR_OK);
  MUST(input.dtype == NESTOR_FLOAT32 && input.rank == 4 && input.shape[0] == -1);
  MUST(input.shape[1] == 3 && input.data == NULL);
  MUST(nestor_session_input(session, 1, &input) == NESTOR_OK);
  MUST(input.dtype == NESTOR_UINT8 && input.shape[3] == 3);
  MUST(nestor_session_input(session, 2, &input) == NESTOR_USAGE);
  input = images_tensor(NULL);
  MUST(nestor_session_describe(session, &input, taps, 1) == NESTOR_OK);
  MUST(nestor_session_num_outputs(session, &count) == NESTOR_OK && count == 2);
  MUST(nestor_session_output(session, 0, &output) == NESTOR_OK);
  MUST(strcmp(output.name, "logits") == 0 && output.data == NULL && output.rank == 2);
  MUST(output.shape[0] == 1 && output.shape[1] == 1000);
  MUST(nestor_session_output(session, 1, &output) == NESTOR_OK && output.shape[1] == 2048);
  MUST(nestor_session_plan(session, &input, "json", &plan) == NESTOR_OK && plan[0] == '{');
  MUST(nestor_session_plan(session, &input, "text", &plan) == NESTOR_OK);
  MUST(nestor_session_plan(session, &input, "xml", &plan) == NESTOR_USAGE);
}

/* A file, the file's bytes and a bad file in one call; its features by nestor_embed. */
static void check_images(nestor_session* session, const char* path,
                         const nestor_prediction* expected) {
  static unsigned char bytes[1 << 20];
  static float features[3 * 2048];
  nestor_image images[3] = {NESTOR_IMAGE_INIT, NESTOR_IMAGE_INIT, NESTOR_IMAGE_INIT};
  nestor_image_result results[3] = {NESTOR_IMAGE_RESULT_INIT};
  nestor_prediction top[3 * TOP] = {NESTOR_PREDICTION_INIT};
  FILE* const file = fopen(path, "rb");
  int i;
  MUST(file != NULL);
  images[0].path = path;
  images[1].path = "/nowhere.jpg";
  images[2].bytes = bytes;
  images[2].num_bytes = fread(bytes, 1, sizeof bytes, file);
  fclose(file);
  MUST(nestor_classify(session, images, 3, TOP, top, results) == NESTOR_BAD_INPUT);
  MUST(results[0].status == NESTOR_OK && results[0].message[0] == '\0');
  MUST(results[1].status == NESTOR_BAD_INPUT && strstr(results[1].message, "/nowhere.jpg"));
  MUST(results[2].status == NESTOR_OK && top[TOP].class_id == -1);
  for (i = 0; i < TOP; ++i) {
    MUST(top[i].class_id == expected[i].class_id && top[2 * TOP + i].class_id == top[i].class_id);
    MUST(top[i].probability == expected[i].probability);
  }
  MUST(nestor_embed(session, images, 3, features, 3 * 2048, NULL) == NESTOR_BAD_INPUT);
  MUST(memcmp(features, features + 2 * 2048, 2048 * sizeof *features) == 0);
  for (i = 0; i < 2048; ++i) MUST(features[2048 + i] == 0);
  MUST(nestor_embed(session, images, 3, features, 3 * 2048 - 1, NULL) == NESTOR_USAGE);
  images[0].rgb = bytes;
  images[0].width = images[0].height = 8;
  MUST(nestor_classify(session, images, 1, TOP, top, NULL) == NESTOR_USAGE); /* two forms */
  images[0].path = NULL;
  MUST(nestor_classify(session, images, 1, TOP, top, NULL) == NESTOR_OK);
  MUST(nestor_classify(session, NULL, 0, TOP, NULL, NULL) == NESTOR_OK);
}

/* Bytes as they are and the same normalised give the same; batches give what a plain run gives. */
static void check_tensors(nestor_session* session) {
  static unsigned char levels[SIDE * SIDE * 3];
  static float input[3 * SIDE * SIDE];
  const char* unknown[] = {"layer9"};
  nestor_tensor tensor = images_tensor(input), output = NESTOR_TENSOR_INIT;
  nestor_tensor images = NESTOR_TENSOR_INIT;
  nestor_device_buffer buffer = NESTOR_DEVICE_BUFFER_INIT;
  const float mean[3] = {0.485F, 0.456F, 0.406F}, std[3] = {0.229F, 0.224F, 0.225F};
  float first;
  int32_t count = -1;
  int i;
  for (i = 0; i < SIDE * SIDE * 3; ++i) {
    levels[i] = (unsigned char)(7 * i);
    input[i % 3 * SIDE * SIDE + i / 3] = ((float)levels[i] / 255.0F - mean[i % 3]) / std[i % 3];
  }
  MUST(nestor_session_run(session, &tensor, NULL, 0) == NESTOR_OK);
  MUST(nestor_session_output(session, 0, &output) == NESTOR_OK);
  MUST(output.dtype == NESTOR_FLOAT32 && output.count == NULL);
  first = *(const float*)output.data;
  images.data = levels;
  images.dtype = NESTOR_UINT8;
  images.rank = 4;
  images.shape[0] = 1;
  images.shape[1] = images.shape[2] = SIDE;
  images.shape[3] = 3;
  MUST(nestor_session_run(session, &images, NULL, 0) == NESTOR_OK);
  MUST(nestor_session_output(session, 0, &output) == NESTOR_OK);
  MUST(*(const float*)output.data == first);
  MUST(nestor_session_collect(session) == NESTOR_USAGE);
  MUST(nestor_session_num_outputs(session, &count) == NESTOR_OK && count == 0);
  MUST(nestor_session_submit(session, &tensor, NULL, 0) == NESTOR_OK);
  MUST(nestor_session_run(session, &tensor, NULL, 0) == NESTOR_USAGE);
  MUST(nestor_session_collect(session) == NESTOR_OK);
  MUST(nestor_session_output(session, 0, &output) == NESTOR_OK);
  MUST(*(const float*)output.data == first);
  MUST(nestor_session_run(session, &tensor, unknown, 1) == NESTOR_USAGE);
  buffer.data = &first;
  buffer.bytes = sizeof first;
  MUST(nestor_session_enqueue(session, &tensor, NULL, 0, &buffer, 1, NULL) == NESTOR_USAGE);
  tensor.rank = 9;
  MUST(nestor_session_run(session, &tensor, NULL, 0) == NESTOR_USAGE);
  tensor.rank = 4;
  tensor.dtype = 99;
  MUST(nestor_session_run(session, &tensor, NULL, 0) == NESTOR_USAGE);
  tensor = images_tensor(input);
  tensor.shape[2] = tensor.shape[3] = 8;
  MUST(nestor_session_run(session, &tensor, NULL, 0) == NESTOR_BAD_INPUT);
}

/* Structs of older and newer headers. */
static void check_sizes(const nestor_model* model, nestor_session* session) {
  struct {
    nestor_session_options known;
    int64_t unknown;
  } newer = {NESTOR_SESSION_OPTIONS_INIT, 0};
  struct {
    nestor_session_info known;
    int64_t unknown;
  } info = {NESTOR_SESSION_INFO_INIT, -1};
  nestor_session* other = NULL;
  newer.known.size = sizeof newer;
  MUST(nestor_session_create(model, &newer.known, &other) == NESTOR_OK);
  nestor_session_free(other);
  newer.unknown = 1;
  MUST(nestor_session_create(model, &newer.known, &other) == NESTOR_USAGE && other == NULL);
  newer.known.size = 1;
  MUST(nestor_session_create(model, &newer.known, &other) == NESTOR_USAGE);
  info.known.size = sizeof info;
  MUST(nestor_session_get_info(session, &info.known) == NESTOR_OK);
  MUST(info.unknown == 0 && info.known.size == sizeof info && info.known.threads == 1);
  info.known.size = 0;
  MUST(nestor_session_get_info(session, &info.known) == NESTOR_USAGE);
}

static void check_null(void) {
  nestor_model_info model_info = NESTOR_MODEL_INFO_INIT;
  nestor_session_info session_info = NESTOR_SESSION_INFO_INIT;
  nestor_preprocess preprocess = NESTOR_PREPROCESS_INIT;
  nestor_tensor tensor = NESTOR_TENSOR_INIT;
  nestor_session* session = NULL;
  const char* text = NULL;
  float feature;
  int32_t count = 0;
  MUST(nestor_list_devices(NULL, NULL) == NESTOR_USAGE);
  MUST(nestor_why_no_gpu(NULL, 9) == NESTOR_USAGE);
  MUST(nestor_model_load(NULL, NULL, NULL) == NESTOR_USAGE);
  MUST(nestor_model_get_info(NULL, &model_info) == NESTOR_USAGE);
  MUST(nestor_model_preprocess(NULL, &preprocess) == NESTOR_USAGE);
  MUST(nestor_model_label(NULL, 0, &text) == NESTOR_USAGE);
  MUST(nestor_model_tensor_name(NULL, 0, &text) == NESTOR_USAGE);
  MUST(nestor_session_create(NULL, NULL, &session) == NESTOR_USAGE && session == NULL);
  MUST(nestor_session_get_info(NULL, &session_info) == NESTOR_USAGE);
  MUST(nestor_classify(NULL, NULL, 0, 0, NULL, NULL) == NESTOR_USAGE);
  MUST(nestor_embed(NULL, NULL, 0, &feature, 1, NULL) == NESTOR_USAGE);
  MUST(nestor_session_input(NULL, 0, &tensor) == NESTOR_USAGE);
  MUST(nestor_session_describe(NULL, &tensor, NULL, 0) == NESTOR_USAGE);
  MUST(nestor_session_run(NULL, &tensor, NULL, 0) == NESTOR_USAGE);
  MUST(nestor_session_submit(NULL, &tensor, NULL, 0) == NESTOR_USAGE);
  MUST(nestor_session_collect(NULL) == NESTOR_USAGE);
  MUST(nestor_session_enqueue(NULL, &tensor, NULL, 0, NULL, 0, NULL) == NESTOR_USAGE);
  MUST(nestor_session_num_outputs(NULL, &count) == NESTOR_USAGE);
  MUST(nestor_session_output(NULL, 0, &tensor) == NESTOR_USAGE);
  MUST(nestor_session_plan(NULL, &tensor, "text", &text) == NESTOR_USAGE);
  MUST(nestor_last_error()[0] != '\0');
  nestor_model_free(NULL);
  nestor_session_free(NULL);
}

static void check_null_arguments(const nestor_model* model, nestor_session* session) {
  MUST(nestor_model_get_info(model, NULL) == NESTOR_USAGE);
  MUST(nestor_model_preprocess(model, NULL) == NESTOR_USAGE);
  MUST(nestor_model_label(model, 0, NULL) == NESTOR_USAGE);
  MUST(nestor_session_create(model, NULL, NULL) == NESTOR_USAGE);
  MUST(nestor_session_get_info(session, NULL) == NESTOR_USAGE);
  MUST(nestor_classify(session, NULL, 1, 1, NULL, NULL) == NESTOR_USAGE);
  MUST(nestor_embed(session, NULL, 1, NULL, 0, NULL) == NESTOR_USAGE);
  MUST(nestor_session_run(session, NULL, NULL, 0) == NESTOR_USAGE);
  MUST(nestor_session_num_outputs(session, NULL) == NESTOR_USAGE);
  MUST(nestor_session_plan(session, NULL, "text", NULL) == NESTOR_USAGE);
}

/* A tuning file that cannot be used is a warning, of the session and in the log. */
static void check_warning(const nestor_model* model) {
  nestor_session_options options = NESTOR_SESSION_OPTIONS_INIT;
  nestor_session_info info = NESTOR_SESSION_INFO_INIT;
  nestor_session* session = NULL;
  const int before = num_warnings;
  options.precision = "fp32";
  options.threads = 1;
  options.deterministic = 1;
  options.tuning = "/nowhere.json";
  MUST(nestor_session_create(model, &options, &session) == NESTOR_OK);
  MUST(nestor_session_get_info(session, &info) == NESTOR_OK);
  MUST(info.warning != NULL && strstr(info.warning, "/nowhere.json") != NULL);
  MUST(num_warnings == before + 1);
  nestor_session_free(session);
}

/* A plan that needs more memory than the session may take is refused. */
static void check_memory_limit(const nestor_model* model, const nestor_image* photo) {
  nestor_session_options options = NESTOR_SESSION_OPTIONS_INIT;
  nestor_prediction top[TOP] = {NESTOR_PREDICTION_INIT};
  nestor_session* session = NULL;
  options.threads = 1;
  options.host_memory_limit = 1 << 10;
  options.device_memory_limit = 1;
  options.plan_cache_limit = 1; /* not of the plan in use */
  MUST(nestor_session_create(model, &options, &session) == NESTOR_OK);
  MUST(nestor_classify(session, photo, 1, TOP, top, NULL) == NESTOR_OUT_OF_MEMORY);
  MUST(strstr(nestor_last_error(), "the limit is 1024 bytes") != NULL);
  nestor_session_free(session);
}

int main(int argc, char** argv) {
  nestor_model* model = NULL;
  nestor_session* session = NULL;
  nestor_session_options options = NESTOR_SESSION_OPTIONS_INIT;
  nestor_image photo = NESTOR_IMAGE_INIT;
  nestor_prediction top[TOP] = {NESTOR_PREDICTION_INIT};
  static float input[3 * SIDE * SIDE];
  nestor_tensor tensor = images_tensor(input), output = NESTOR_TENSOR_INIT;
  const char* taps[] = {"layer1"};
  nestor_status status;
  if (argc != 3) return 2;

  MUST(nestor_api_version() == NESTOR_API_VERSION);
  MUST(nestor_set_log(count_message, &num_messages) == NESTOR_OK);
  status = nestor_model_load(argv[1], "cpu", &model);
  if (status != NESTOR_OK) return complain(status);
  options.threads = 1;
  status = nestor_session_create(model, &options, &session);
  if (status != NESTOR_OK) return complain(status);
  photo.path = argv[2];
  status = nestor_classify(session, &photo, 1, TOP, top, NULL);
  if (status != NESTOR_OK) return complain(status);
  for (int i = 0; i < TOP; ++i) {
    printf("%d %g %s\n", (int)top[i].class_id, (double)top[i].probability, top[i].label);
  }
  MUST(nestor_session_run(session, &tensor, taps, 1) == NESTOR_OK);
  MUST(nestor_session_output(session, 1, &output) == NESTOR_OK);
  printf("%s [%d, %d, %d, %d]\n", output.name, (int)output.shape[0], (int)output.shape[1],
         (int)output.shape[2], (int)output.shape[3]);
  MUST(num_messages > 0);

  check_devices();
  check_model(model);
  check_signature(session);
  check_images(session, argv[2], top);
  check_tensors(session);
  check_sizes(model, session);
  check_null();
  check_null_arguments(model, session);
  check_warning(model);
  check_memory_limit(model, &photo);
  nestor_model_free(model); /* the session keeps what it needs */
  MUST(nestor_classify(session, &photo, 1, TOP, top, NULL) == NESTOR_OK);
  nestor_session_free(session);
  MUST(nestor_set_log(NULL, NULL) == NESTOR_OK);
  return 0;
}
