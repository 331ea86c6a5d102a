import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BrowserServer, chromium as playwright } from 'playwright-core'
import type { TestProject } from 'vitest/node'

declare module 'vitest' {
  interface ProvidedContext {
    /** Where tests reach the browser. */
    readonly browser: string
  }
}

/**
 * Starts one headless Chromium for all tests: the one that HOLDFAST_CHROMIUM names, or the one that a package carries for
 * Linux with the shared libraries that a bare machine lacks. It is unpacked anew each time: a run that was killed in the
 * middle leaves half a browser.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-chromium-'))
  let server: BrowserServer
  try {
    server = await playwright.launchServer(await browserIn(directory))
  } catch (error) {
    rmSync(directory, { recursive: true, force: true })
    throw error
  }
  project.provide('browser', server.wsEndpoint())
  return async () => {
    await server.close()
    rmSync(directory, { recursive: true, force: true })
  }
}

const browserIn = async (directory: string) => {
  const given = process.env.HOLDFAST_CHROMIUM
  if (given !== undefined) return { executablePath: given }
  if (process.platform !== 'linux') throw new Error('set HOLDFAST_CHROMIUM to the path of a Chromium or Chrome')
  process.env.TMPDIR = directory
  // The package unpacks its libraries and fonts where it takes the machine for a Lambda function.
  process.env.AWS_LAMBDA_JS_RUNTIME = `nodejs${process.versions.node.split('.')[0]}.x`
  const { default: packaged } = await import('@sparticuz/chromium')
  // One process, as in Lambda, ends with the first window that is closed.
  const args = packaged.args.filter((arg) => arg !== '--single-process')
  const executablePath = await packaged.executablePath()
  // The package's own file names /tmp/fonts, wherever the fonts were unpacked: a browser without fonts shows no text, and crashes.
  writeFileSync(join(directory, 'fonts', 'fonts.conf'), fontsIn(directory))
  return { executablePath, args }
}

const fontsIn = (directory: string): string =>
  `<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig><dir>${directory}/fonts</dir><cachedir>${directory}/fonts-cache</cachedir></fontconfig>\n`
