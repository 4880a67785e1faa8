# CPU:   docker build -t eyeward .
# CUDA:  docker build -t eyeward:cuda --build-arg VARIANT=cuda .
# Run:   docker run --rm --read-only --tmpfs /tmp -v "$PWD/pictures:/pictures:ro" eyeward assess /pictures
#        (add --gpus all for the CUDA image)
ARG VARIANT=cpu

FROM python:3.11-slim AS base
ENV PIP_NO_CACHE_DIR=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /app
RUN python3 -m venv .venv
COPY constraints.txt ./

# On 64-bit Intel Linux the plain torch brings the CUDA libraries along. TORCH_CPU_INDEX is the address of PyTorch's own
# index of CPU wheels (its install page names it): with it the CPU image is gigabytes smaller; it works without, too.
FROM base AS torch-cpu
ARG TORCH_CPU_INDEX=
RUN .venv/bin/pip install ${TORCH_CPU_INDEX:+--extra-index-url "$TORCH_CPU_INDEX"} -c constraints.txt torch
ENV CUDA_VISIBLE_DEVICES=

FROM base AS torch-cuda
RUN .venv/bin/pip install -c constraints.txt torch
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility

FROM torch-${VARIANT}
COPY . .
RUN .venv/bin/pip install -c constraints.txt '.[local]' \
    && useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin eyeward
# Nothing is written outside /tmp: the root file system may be read-only.
ENV PATH=/app/.venv/bin:$PATH HOME=/tmp HF_HOME=/tmp/huggingface
USER 10001
ENTRYPOINT ["eyeward"]
CMD ["assess", "examples/images"]
