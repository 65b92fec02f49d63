// Control flow that the interpreter has to follow; branches.sm_*.sass is what nvcc made of it:
//   nvcc -std=c++17 -O3 -arch=sm_70 -cubin -o branches.cubin branches.cu && cuobjdump -sass branches.cubin
struct Args {
  const int* table;  // or null
  int* out;
  int divisor, trips;
  int bounds[4];
};

extern "C" __global__ void branches(const __grid_constant__ Args args) {
  const int place = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  const int quotient = place / args.divisor, rest = place % args.divisor;
  // Runs quotient + trips times: a barrier a trip, to be counted.
#pragma unroll 1
  for (int i = 0; i < quotient + args.trips; ++i) {
    args.out[i] = rest;
    __syncthreads();
  }
  if (args.table != nullptr) atomicAdd(args.out, 1);                      // ATOMG or RED
  if (place < args.bounds[quotient % 4]) atomicMax(args.out + place, 2);  // by an indexed constant
  if (args.out[0] == 7) __threadfence();                                  // unknown
}
