import { defineConfig } from 'vitest/config'

/** `npm run test:faults`: faults of the surroundings, one file at a time, because each measures or loads the machine. */
export default defineConfig({
  test: {
    include: ['test/faults/*.fault.ts'],
    globalSetup: ['test/support/embedded-setup.ts'],
    env: { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' },
    fileParallelism: false,
    // The timeouts only end tests that hang.
    testTimeout: 3_600_000,
    hookTimeout: 60_000,
    disableConsoleIntercept: true,
  },
})
