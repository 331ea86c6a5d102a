export { openTelemetry } from './telemetry/open-telemetry.ts'
export type { Telemetry } from './telemetry/telemetry.ts'
