# One candidate: docker build -t k8sensus:0.1.0 .
# A program that runs only while it leads: docker build --target exec -t k8sensus-exec:0.1.0 .
#
# Where JSR does not answer, npm alone is enough. Mirrors: --build-arg NPM_CONFIG_REGISTRY=https://…, and
# --build-arg JSR_URL=https://… for JSR.

FROM denoland/deno:2.9.6 AS build
ARG NPM_CONFIG_REGISTRY
ARG JSR_URL
WORKDIR /app
COPY deno.json ./
COPY tools/ tools/
# Which registry answers is found out here, once, and deno.json remembers it: the command line below is the
# same either way. The look into JSR leaves its own cache behind, which the image does without.
RUN DENO_DIR=/tmp/deno deno run --quiet tools/registry.ts --config > /tmp/deno.json \
  && mv /tmp/deno.json deno.json
COPY lib/ lib/
# What is loaded late may be missing without a word from `deno install`: hence the second command. It also
# leaves the compiled modules behind, since nobody can write them later: compiling them costs each start time
# and memory.
RUN deno install --quiet --entrypoint lib/cli/main.ts \
  && deno eval --cached-only 'import "./lib/cli/start.ts"; import "./lib/cli/exec.ts"; \
    import "./lib/cli/guard.ts"; import "./lib/cli/exec_elector.ts"; import "yaml"'

# For `exec` and `guard`, with the shell and the tools of Debian. Yours begins FROM this one, or copies from it
# into any image with glibc: docs/operations.md says how.
FROM denoland/deno:2.9.6 AS exec
LABEL org.opencontainers.image.title="k8sensus-exec" \
  org.opencontainers.image.description="Leader election for Kubernetes: any program, run only while it leads" \
  org.opencontainers.image.version="0.1.0" \
  org.opencontainers.image.licenses="MIT" \
  org.opencontainers.image.base.name="docker.io/denoland/deno:2.9.6"
ENV DENO_NO_UPDATE_CHECK=1
WORKDIR /app
COPY --from=build /deno-dir/ /deno-dir/
COPY --from=build /app/ ./
USER 1993:1993
EXPOSE 8080
STOPSIGNAL SIGTERM
# The guard may do everything: Deno shows /proc, by which it proves deaths, to nobody who may do less.
ENTRYPOINT ["/tini", "--", "/usr/bin/deno", "run", "--quiet", "--cached-only", "--no-prompt", \
  "--no-code-cache", "--allow-all", "/app/lib/cli/main.ts"]
CMD ["exec", "--help"]

FROM denoland/deno:distroless-2.9.6
LABEL org.opencontainers.image.title="k8sensus" \
  org.opencontainers.image.description="Leader election for Kubernetes: one candidate, which answers over HTTP who leads" \
  org.opencontainers.image.version="0.1.0" \
  org.opencontainers.image.licenses="MIT" \
  org.opencontainers.image.base.name="docker.io/denoland/deno:distroless-2.9.6"
ENV DENO_NO_UPDATE_CHECK=1
WORKDIR /app
COPY --from=build /deno-dir/ /deno-dir/
COPY --from=build /app/ ./
# By number, so that Kubernetes can tell that it is not root; any other will do.
USER 1993:1993
EXPOSE 8080
STOPSIGNAL SIGTERM
# The init and Deno are where the base image has them. Arguments come after the program, so none of them can
# widen what it may do. /kubeconfig is for a kubeconfig, where there is no service account.
ENTRYPOINT ["/tini", "--", "/bin/deno", "run", "--quiet", "--cached-only", "--no-prompt", \
  "--ignore-env", "--allow-net", \
  "--allow-env=K8SENSUS_*,POD_NAME,POD_UID,KUBERNETES_SERVICE_HOST,KUBERNETES_SERVICE_PORT,KUBECONFIG", \
  "--allow-read=/var/run/secrets/kubernetes.io/serviceaccount,/kubeconfig", \
  "--allow-sys=hostname", \
  "/app/lib/cli/main.ts"]
CMD ["start"]
