// The check-in page reloads its changing part every few seconds; without scripts, the whole page.

const live = document.querySelector("[data-live]");
let shown = live.innerHTML;

const refresh = async () => {
  try {
    const response = await fetch(live.dataset.live, { headers: { "X-Requested-With": "fetch" } });
    // Signed out, or no longer the instructor: the page explains it.
    if (response.redirected || !response.ok) return location.reload();
    const now = await response.text();
    if (now !== shown) live.innerHTML = shown = now;
  } catch {
    // No connection: try again next time.
  }
};
setInterval(() => { if (!document.hidden) refresh(); }, 4000);
document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
