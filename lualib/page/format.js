// format: numbers and times as people read them.

const units = ["B", "KB", "MB", "GB", "TB"];

export function bytes(n) {
  let unit = 0;
  while (n >= 1000 && unit < units.length - 1) {
    n /= 1024;
    unit += 1;
  }
  return `${unit && n < 10 ? n.toFixed(1) : Math.round(n)} ${units[unit]}`;
}

// 0.4, 12, 3.4k, 12M
export function short(n) {
  if (n === 0) return "0";
  if (n < 10) return n.toFixed(1).replace(/\.0$/, "");
  if (n < 1000) return `${Math.round(n)}`;
  if (n < 999500) return `${n < 9950 ? (n / 1000).toFixed(1) : Math.round(n / 1000)}k`;
  return `${n < 9950000 ? (n / 1e6).toFixed(1) : Math.round(n / 1e6)}M`;
}

export const whole = (n) => n.toLocaleString("en-US");

// Seconds: 340 µs, 12 ms, 4.2 s, 3m 12s, 5h 03m, 12d 04h
export function span(s) {
  if (s <= 0) return "0 s";
  if (s < 0.001) return `${Math.round(s * 1e6)} µs`;
  if (s < 0.0995) return `${(s * 1000).toFixed(s < 0.00995 ? 1 : 0)} ms`;
  if (s < 0.9995) return `${Math.round(s * 1000)} ms`;
  if (s < 59.95) return `${s.toFixed(s < 9.95 ? 1 : 0)} s`;
  const two = (n) => `${Math.floor(n)}`.padStart(2, "0");
  if (s < 3600) return `${Math.floor(s / 60)}m ${two(s % 60)}s`;
  if (s < 86400) return `${Math.floor(s / 3600)}h ${two((s % 3600) / 60)}m`;
  return `${Math.floor(s / 86400)}d ${two((s % 86400) / 3600)}h`;
}

// Seconds since 1970, as the time of this place.
export function clock(time) {
  const date = new Date(time * 1000);
  const two = (n) => `${n}`.padStart(2, "0");
  const seconds = `${two(date.getSeconds())}.${`${date.getMilliseconds()}`.padStart(3, "0")}`;
  return `${two(date.getHours())}:${two(date.getMinutes())}:${seconds}`;
}

export function day(time) {
  const date = new Date(time * 1000);
  const two = (n) => `${n}`.padStart(2, "0");
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${clock(time).slice(0, 8)}`;
}

export const percent = (n) => `${n < 9.95 ? n.toFixed(1) : Math.round(n)} %`;

export const plural = (n, what) => `${whole(n)} ${what}${n === 1 ? "" : "s"}`;
