/**
 * What a hostile page does to a server on the machine of whoever looks at it. It runs in the browser, and tells
 * what came of each attempt; what should come of it is for run.ts to say.
 */
export type Attempts = {
  /** Tells one page from another. */
  name: string
  /** Where the findings go. */
  report: string
  /** Asked for, and answered, before anything is tried. */
  ready?: string
  sockets: string[]
  fetches: { url: string; init?: RequestInit }[]
  /** Put into the page as what the element's name says. */
  elements: { element: 'script' | 'img' | 'iframe'; url: string }[]
  /** Service workers to register. */
  workers?: string[]
  /** Gathers all that a page can know of where it comes from. */
  looks?: boolean
}

export type Finding = { attempt: string; outcome: string }

declare const attempts: Attempts

const PATIENCE_MS = 5000

const within = <T>(promise: Promise<T>, otherwise: T): Promise<T> =>
  Promise.race([promise, new Promise<T>((resolve) => setTimeout(() => resolve(otherwise), PATIENCE_MS))])

/** What an echo server would send back is shown, too. */
function trySocket(url: string): Promise<string> {
  return within(
    new Promise((resolve) => {
      const socket = new WebSocket(url)
      socket.onopen = () => socket.send('{"id":1,"method":"initialize","params":{"clientName":"page"}}')
      socket.onmessage = ({ data }) => resolve(`open, and said ${data}`)
      socket.onerror = () => resolve('refused')
    }),
    'open, and silent',
  )
}

async function tryFetch(url: string, init?: RequestInit): Promise<string> {
  const asked = fetch(url, init).then(
    async (response) => `${response.type} ${response.status} ${JSON.stringify((await response.text()).slice(0, 100))}`,
    () => 'refused',
  )
  return within(asked, 'silent')
}

function tryElement(kind: 'script' | 'img' | 'iframe', url: string): Promise<string> {
  return within(
    new Promise((resolve) => {
      const element = document.createElement(kind)
      element.onerror = () => resolve('refused')
      element.onload = () => resolve(kind === 'iframe' ? frameText(element as HTMLIFrameElement) : 'loaded')
      element.src = url
      document.body.append(element)
    }),
    'silent',
  )
}

function frameText(frame: HTMLIFrameElement): string {
  try {
    return frame.contentDocument === null ? 'unreadable' : `readable: ${frame.contentDocument.body.innerText}`
  } catch {
    return 'unreadable'
  }
}

async function tryWorker(url: string): Promise<string> {
  const registered = async (): Promise<string> => `for ${(await navigator.serviceWorker.register(url)).scope}`
  return within(
    registered().catch(() => 'refused'),
    'silent',
  )
}

/** Texts of all places in which a page could find the URL that its user has entered. */
function whatItSees(): string {
  const looks: (() => unknown)[] = [
    () => [document.referrer, location.href, document.baseURI, document.URL, window.name],
    () => [history.length, history.state],
    () => performance.getEntries().map(({ name }) => name),
    () => (globalThis as { navigation?: { entries(): { url: string }[] } }).navigation?.entries().map(({ url }) => url),
    () => document.cookie,
    () => [
      String(window.opener?.location.href),
      String(window.parent.location.href),
      String(window.top?.location.href),
    ],
    () => [{ ...localStorage }, { ...sessionStorage }],
    () => document.documentElement.outerHTML.length,
  ]
  const seen = looks.map((look) => {
    try {
      return look()
    } catch (error) {
      return String(error)
    }
  })
  return JSON.stringify(seen)
}

async function run(): Promise<void> {
  // Before the attempts, which a page remembers, too.
  const findings: Finding[] = attempts.looks === true ? [{ attempt: 'looks', outcome: whatItSees() }] : []
  const add = async (attempt: string, outcome: Promise<string>): Promise<void> =>
    void findings.push({ attempt, outcome: await outcome })
  if (attempts.ready !== undefined) await fetch(attempts.ready)
  for (const url of attempts.sockets) await add(`WebSocket ${url}`, trySocket(url))
  for (const { url, init } of attempts.fetches)
    await add(`${init?.method ?? 'GET'} ${init?.mode ?? 'cors'} ${url}`, tryFetch(url, init))
  for (const { element, url } of attempts.elements) await add(`${element} ${url}`, tryElement(element, url))
  for (const url of attempts.workers ?? []) await add(`worker ${url}`, tryWorker(url))
  await fetch(attempts.report, {
    method: 'POST',
    mode: 'no-cors',
    body: JSON.stringify({ origin: self.origin, findings }),
  })
}

void run()
