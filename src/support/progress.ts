import { MultiBar, Presets } from 'cli-progress';

/** Shows how far the work has come. */
export interface Progress {
  /** Prints a line of its own. */
  say(line: string): void;
  /** Prints a line where there is no bar to show it, such as the end of an epoch. */
  detail(line: string): void;
  /** Begins a task of so much work, in any unit; several may be under way at once. */
  begin(title: string, work: number): Task;
  /** Leaves what is shown as it is: no task under way will end any more. */
  close(): void;
}

/** A task under way. */
export interface Task {
  advance(work: number): void;
  /** More work has become known. */
  extend(work: number): void;
  /** Something worth showing beside the bar, such as the loss. */
  note(text: string): void;
  /** Prints how far the task is, where there is no bar. */
  milestone(text: string): void;
  end(): void;
}

/** Progress on stderr: a bar for each task under way on a terminal, plain lines elsewhere. */
export function stderrProgress(stream: NodeJS.WriteStream = process.stderr): Progress {
  return stream.isTTY ? terminalProgress(stream) : plainProgress(stream);
}

function terminalProgress(stream: NodeJS.WriteStream): Progress {
  /** The bars of the tasks under way, the first to end above the others. */
  let bars: MultiBar | undefined;
  let open = 0;
  const stop = () => {
    // Shows what was noted last.
    bars?.update();
    bars?.stop();
    bars = undefined;
    open = 0;
  };
  const start = () =>
    new MultiBar(
      {
        stream,
        format: `{title} {bar} {percentage}% | {left} left | {note}`,
        barsize: 24,
        // The terminal is left as it is, so that nothing needs to be restored after Ctrl-C.
        linewrap: null,
        clearOnComplete: false,
        gracefulExit: false,
      },
      Presets.shades_classic,
    );
  return {
    say(line) {
      // Above the bars, at their next update.
      if (bars) bars.log(`${line}\n`);
      else stream.write(`${line}\n`);
    },
    detail: () => {},
    begin(title, work) {
      const begun = performance.now();
      let [done, total] = [0, work];
      let text = '';
      const payload = () => ({ title, note: text, left: timeLeft(done, total, begun) });
      bars ??= start();
      open++;
      const bar = bars.create(work, 0, payload());
      return {
        advance(more) {
          done += more;
          bar.update(Math.min(done, total), payload());
        },
        extend(more) {
          total += more;
          bar.setTotal(total);
        },
        note: (next) => void (text = next),
        milestone: (next) => void (text = next),
        end() {
          if (--open === 0) stop();
        },
      };
    },
    close: stop,
  };
}

function plainProgress(stream: NodeJS.WriteStream): Progress {
  const say = (line: string) => void stream.write(`${line}\n`);
  return {
    say,
    detail: say,
    begin(title, work) {
      const begun = performance.now();
      let [done, total] = [0, work];
      return {
        advance: (more) => void (done += more),
        extend: (more) => void (total += more),
        note: () => {},
        milestone(text) {
          const share = total > 0 ? Math.min(100, (100 * done) / total) : 0;
          say(`${title}: ${share.toFixed(0)}%, ${timeLeft(done, total, begun)} left; ${text}`);
        },
        end: () => {},
      };
    },
    close: () => {},
  };
}

/** Images a second, with as many digits as mean something. */
export function imagesPerSecond(rate: number): string {
  return rate.toFixed(rate < 10 ? 1 : 0);
}

function timeLeft(done: number, work: number, begun: number): string {
  if (done === 0) return '?';
  return duration((((performance.now() - begun) / 1000) * (work - done)) / done);
}

/** Seconds as a person says them: "48 s", "12 min 5 s", "2 h 10 min". */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}
