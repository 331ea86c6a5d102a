import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/embedded-setup.ts'],
    env: {
      AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
      // Read by Powertools when a test loads a Lambda entry.
      POWERTOOLS_LOG_LEVEL: 'SILENT',
      POWERTOOLS_METRICS_DISABLED: 'true',
    },
    // Tests wait for what happens, never for time to pass; these only end what hangs.
    testTimeout: 60_000,
    // By default one core is left idle: of two cores half.
    maxWorkers: '100%',
    hookTimeout: 60_000,
  },
})
