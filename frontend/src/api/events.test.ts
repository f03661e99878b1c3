import { listen, type StreamMessage, streamUrl } from "./events";

class FakeSource {
  static all: FakeSource[] = [];
  readyState = 0;
  onopen: ((e: Event) => void) | null = null;
  onerror: ((e: Event) => void) | null = null;
  listeners = new Map<string, (e: Event) => void>();
  closed = false;
  constructor(readonly url: string) {
    FakeSource.all.push(this);
  }
  addEventListener(type: string, listener: unknown) {
    this.listeners.set(type, listener as (e: Event) => void);
  }
  close() {
    this.closed = true;
  }
  send(type: string, id: string, data: unknown) {
    this.listeners.get(type)?.({ data: JSON.stringify(data), lastEventId: id } as unknown as Event);
  }
  fail() {
    this.readyState = 2;
    this.onerror?.(new Event("error"));
  }
}

beforeEach(() => {
  FakeSource.all = [];
  vi.useFakeTimers();
});
afterEach(() => vi.useRealTimers());

test("resumes after the last position when the browser gave up, and pauses longer each time", () => {
  const heard: StreamMessage[] = [];
  const stop = listen(
    "/stream-a",
    (m) => heard.push(m),
    (url) => new FakeSource(url),
  );
  const first = FakeSource.all[0] as FakeSource;
  expect(first.url).toBe("/stream-a");
  first.onopen?.(new Event("open"));
  first.send("TASK_START", "41", { pipeline: 3 });
  first.send("LOG_APPENDED", "41", { run: 1 });
  first.fail();
  vi.advanceTimersByTime(1_000);
  const second = FakeSource.all[1] as FakeSource;
  expect(second.url).toBe("/stream-a?after=41");
  second.fail();
  vi.advanceTimersByTime(1_999);
  expect(FakeSource.all).toHaveLength(2);
  vi.advanceTimersByTime(1);
  expect(FakeSource.all).toHaveLength(3);
  stop();
  expect((FakeSource.all[2] as FakeSource).closed).toBe(true);
  expect(heard.map((m) => (m.kind === "link" ? m.state : m.event.type))).toEqual([
    "live",
    "TASK_START",
    "LOG_APPENDED",
    "connecting",
    "connecting",
  ]);
});

test("the first connection asks for what is new only", () => {
  expect(streamUrl("/s", null)).toBe("/s");
  expect(streamUrl("/s", 0)).toBe("/s?after=0");
});
