#!/bin/sh
# clang-format has nothing to change.
command -v clang-format >/dev/null || { echo "clang-format is not installed (make deps dev=1)"; exit 77; }
clang-format --dry-run --Werror $(git ls-files '*.c' '*.h')
