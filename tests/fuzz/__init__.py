"""Targets for a fuzzer; the usual tests run the same functions over known and made-up inputs."""
