#!/bin/sh
# Fill a container: what the system needs, the files of the commit that lies in /lstm-bench/.git, and its environment.
# The Dockerfile and the Apptainer definition run this.  $1: for make, such as GPU=1, or "GPU=1 JAX=1".
set -eu
apt-get update
apt-get install --yes --no-install-recommends git make
rm -rf /var/lib/apt/lists/*
# Whoever runs the container may not be its owner, and git would say nothing of the commit.
git config --system --add safe.directory /lstm-bench
cd /lstm-bench
git reset --hard --quiet
# shellcheck disable=SC2086  # several words
PIP_NO_CACHE_DIR=1 make ${1:-} install
