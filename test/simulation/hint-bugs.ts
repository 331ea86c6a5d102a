import type { PlantedBug } from './bugs.ts'

const SCAN_CACHE_TESTS = ['test/lib/hints/scan-cache/scan-cache.test.ts']
const SNAPSHOT_TESTS = ['test/lib/hints/in-flight-snapshot.test.ts']
const EXCHANGE_TESTS = ['test/lib/visibility/snapshot-exchange.test.ts']
const CACHE = 'lib/hints/scan-cache/scan-cache.ts'
const SNAPSHOT = 'lib/hints/in-flight-snapshot.ts'

/** Bugs of the hints of pollers, and of the hints that they share: messages are found late, or cost more, and none is lost. */
export const HINT_BUGS: readonly PlantedBug[] = [
  {
    name: 'what is released while it is being read is hidden by what the read found',
    file: CACHE,
    replace: 'if (count > before) this.#uncover(sort, visibleAt)',
    by: 'if (count > before + 1_000) this.#uncover(sort, visibleAt)',
    suites: SCAN_CACHE_TESTS,
  },
  {
    name: 'a release uncovers the whole key range',
    file: CACHE,
    replace: 'this.#ranges.put({ from: sort, end, until: visibleAt,',
    by: 'this.#ranges.put({ from: around.from, end: around.end, until: visibleAt,',
    suites: SCAN_CACHE_TESTS,
  },
  {
    name: 'what others may have changed is never checked',
    file: 'lib/hints/scan-cache/check-allowance.ts',
    replace: 'return allowed >= MIN_CHECKED',
    by: 'return allowed < 0',
    suites: SCAN_CACHE_TESTS,
  },
  {
    name: 'checks cost the poller nothing',
    file: 'lib/hints/scan-cache/check-allowance.ts',
    replace: 'allowed -= paid\n',
    by: '\n',
    suites: SCAN_CACHE_TESTS,
  },
  {
    name: 'a key range is checked as rarely when it is young as when it is old',
    file: CACHE,
    replace: 'const checkEveryMs = Math.min(MAX_CHECK_EVERY_MS, Math.max(MIN_CHECK_EVERY_MS, ageMs))',
    by: 'const checkEveryMs = ageMs < 0 ? 0 : MAX_CHECK_EVERY_MS',
    suites: SCAN_CACHE_TESTS,
  },
  {
    name: 'what was forgotten stays hidden',
    file: CACHE,
    replace: '    this.#ranges.cut(from, endBehind(to))\n',
    by: '    void to\n',
    suites: SCAN_CACHE_TESTS,
  },
  {
    name: 'a snapshot hides what was only just published',
    file: SNAPSHOT,
    replace: 'end <= youngest && until > now + MIN_REMAINING_MS',
    by: "(end <= youngest || end !== '') && until > now + MIN_REMAINING_MS",
    suites: SNAPSHOT_TESTS,
  },
  {
    name: 'a snapshot hides what it joins until the last of it becomes visible',
    file: SNAPSHOT,
    replace: 'until: Math.min(first.until, second.until),',
    by: 'until: Math.max(first.until, second.until),',
    suites: SNAPSHOT_TESTS,
  },
  {
    name: 'a snapshot forgets where a keyRange begins',
    file: SNAPSHOT,
    replace: '(apart ? HAS_FROM : 0)',
    by: '0',
    suites: SNAPSHOT_TESTS,
  },
  {
    name: 'no early release is published for a message that becomes visible sooner than the snapshot says',
    file: 'lib/visibility/early-release.ts',
    replace: 'if (!snapshot || !skipsKey(snapshot, sort, visibleAt)) return',
    by: 'if (!snapshot || skipsKey(snapshot, sort, visibleAt)) return',
    suites: EXCHANGE_TESTS,
  },
  {
    name: 'a process that polls for the first time does not read what became visible since the snapshot',
    file: 'lib/visibility/load-published.ts',
    replace: '  await loadReleases(parts, target, snapshot.writtenAt - RELEASES_LATE_MS)\n',
    by: '  void loadReleases\n',
    suites: EXCHANGE_TESTS,
  },
  {
    name: 'early releases that were written late are not loaded',
    file: 'lib/visibility/load-published.ts',
    replace: 'loadReleases(parts, target, loadedAt - RELEASES_LATE_MS)',
    by: 'loadReleases(parts, target, loadedAt + RELEASES_LATE_MS)',
    suites: EXCHANGE_TESTS,
  },
  {
    name: 'every poller writes the snapshot, whatever others wrote',
    file: 'lib/visibility/publish-snapshot.ts',
    replace: '  await readSnapshot(parts, target)\n',
    by: '  void readSnapshot\n',
    suites: EXCHANGE_TESTS,
  },
]
