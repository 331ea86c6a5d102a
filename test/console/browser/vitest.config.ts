import { defineConfig } from 'vitest/config'

/** `npm run test:console`: the console in a real browser. */
export default defineConfig({
  test: {
    include: ['test/console/browser/*.browser.ts'],
    globalSetup: ['test/console/browser/chromium.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
})
