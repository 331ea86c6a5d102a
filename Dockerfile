# The local server in a container, for development and for tests: docs/docker.md. The deployed queue needs no container.
FROM node:24-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY . .
RUN npm pack && mv holdfast-*.tgz holdfast.tgz

FROM node:24-bookworm-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /build/holdfast.tgz ./
RUN npm init --yes > /dev/null \
  && npm install --omit=dev --no-audit --no-fund ./holdfast.tgz @aws-sdk/client-dynamodb@3 \
  && rm holdfast.tgz \
  && mkdir /data \
  && chown node:node /data
# The user `node` of the image; a number, so that Kubernetes can tell that it is not root.
USER 1000
VOLUME /data
EXPOSE 9324
HEALTHCHECK --interval=5s --timeout=2s --start-period=10s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:9324/queues?limit=1').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
# Node itself is the first process, so that the SIGTERM of `docker stop` reaches it.
ENTRYPOINT ["node", "node_modules/holdfast/dist/cli/holdfast.js", "dev", "--host", "0.0.0.0", "--data", "/data"]
