import { composeFrontDoor, type LocalParts } from '../../../functions/local/compose.ts'
import type { FrontDoor } from '../../../functions/local/front-door.ts'
import { silentLog } from '../../../functions/runtime/log.ts'
import type { Engine } from '../../../lib/engine.ts'

type Settings = Partial<LocalParts['options']> & Pick<LocalParts, 'authenticate'>

/** The front door that the local server has with these settings, and its defaults for the others. */
export const testFrontDoor = (engine: Engine, { authenticate, ...options }: Settings = {}): FrontDoor =>
  composeFrontDoor({
    options: { host: '127.0.0.1', allowedHost: [], httpOpen: false, cooldowns: false, regions: false, ...options },
    engine,
    wakeRedrive: async () => {},
    authenticate,
    log: silentLog,
    place: 'in memory',
  })
