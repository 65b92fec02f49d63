/* classify_c MODEL IMAGE: the same as classify.cpp through the C interface. */

#include <nestor/nestor_c.h>
#include <stdio.h>

/* What the batch interface says is what a plain run says; device memory is not for CPUs. */
static int check_batches(const nestor_model* model, const float* input, const int64_t shape[4]) {
  nestor_session_options options = NESTOR_SESSION_OPTIONS_INIT;
  nestor_session* session = NULL;
  nestor_tensor output;
  nestor_device_buffer buffer;
  float first;
  int status = 1;
  options.precision = "fp32";
  options.threads = 1;
  options.deterministic = 1;
  options.tuning = "/nowhere.json";
  if (nestor_session_create_with(model, &options, &session) != NESTOR_OK) return 1;
  if (nestor_session_warning(session) != NULL &&
      nestor_session_run(session, input, shape, NULL, 0) == NESTOR_OK &&
      nestor_session_output(session, 0, &output) == NESTOR_OK) {
    first = output.data[0];
    buffer.data = &first;
    buffer.bytes = sizeof first;
    if (nestor_session_collect(session) == NESTOR_USAGE &&
        nestor_session_submit(session, input, shape, NULL, 0) == NESTOR_OK &&
        nestor_session_num_pending(session) == 1 &&
        nestor_session_run(session, input, shape, NULL, 0) == NESTOR_USAGE &&
        nestor_session_collect(session) == NESTOR_OK &&
        nestor_session_output(session, 0, &output) == NESTOR_OK && output.data[0] == first &&
        nestor_session_enqueue(session, input, shape, NULL, 0, &buffer, 1, NULL) == NESTOR_USAGE) {
      status = 0;
    }
  }
  nestor_session_free(session);
  options.size = 1;
  if (nestor_session_create_with(model, &options, &session) != NESTOR_USAGE) return 1;
  return status;
}

static int complain(nestor_status status) {
  fprintf(stderr, "%s: %s\n", nestor_status_name(status), nestor_last_error());
  return (int)status;
}

int main(int argc, char** argv) {
  nestor_model* model = NULL;
  nestor_session* session = NULL;
  nestor_prediction top[3];
  nestor_tensor output;
  static float input[3 * 64 * 64];
  const int64_t shape[4] = {1, 3, 64, 64};
  const int64_t bad_shape[4] = {1, 3, 8, 8};
  const char* taps[] = {"layer1"};
  int32_t count = 3;
  nestor_status status;
  if (argc != 3) return 2;

  status = nestor_model_load(argv[1], "cpu", &model);
  if (status != NESTOR_OK) return complain(status);
  status = nestor_session_create(model, "fp32", 1, &session);
  if (status != NESTOR_OK) return complain(status);
  nestor_model_free(model); /* the session keeps what it needs */

  status = nestor_classify_file(session, argv[2], top, &count);
  if (status != NESTOR_OK) return complain(status);
  for (int32_t i = 0; i < count; ++i) {
    printf("%d %g %s\n", (int)top[i].class_id, (double)top[i].probability, top[i].label);
  }

  /* A failing call says why, and the session works on. */
  status = nestor_session_run(session, input, bad_shape, NULL, 0);
  if (status != NESTOR_BAD_INPUT || nestor_last_error()[0] == '\0') return 1;
  status = nestor_classify_file(session, "/nowhere.jpg", top, &count);
  if (status != NESTOR_BAD_INPUT) return 1;
  nestor_session_free(session);
  status = nestor_session_create(NULL, "fp32", 1, &session);
  if (status != NESTOR_USAGE || session != NULL) return 1;

  for (int i = 0; i < 3 * 64 * 64; ++i) input[i] = 0.25F;
  status = nestor_model_load(argv[1], NULL, &model);
  if (status != NESTOR_OK) return complain(status);
  status = nestor_session_create(model, NULL, 1, &session);
  if (status != NESTOR_OK) return complain(status);
  status = nestor_session_run(session, input, shape, taps, 1);
  if (status != NESTOR_OK) return complain(status);
  status = nestor_session_output(session, 1, &output);
  if (status != NESTOR_OK) return complain(status);
  printf("%s [%d, %d, %d, %d]\n", output.name, (int)output.shape[0], (int)output.shape[1],
         (int)output.shape[2], (int)output.shape[3]);
  nestor_session_free(session);
  if (check_batches(model, input, shape) != 0) return 1;
  nestor_model_free(model);
  return 0;
}
