// The screen of a check-in: fetch what changes, every few seconds. Without scripts the page loads itself again.

const live = document.querySelector("[data-live]");
let shown = live.innerHTML;

const refresh = async () => {
  try {
    const answer = await fetch(live.dataset.live, { headers: { "X-Requested-With": "fetch" } });
    // Signed out, or the class is another's now: the whole page says so.
    if (answer.redirected || !answer.ok) return location.reload();
    const now = await answer.text();
    if (now !== shown) live.innerHTML = shown = now;
  } catch {
    // No connection: try again with the next turn.
  }
};
setInterval(() => { if (!document.hidden) refresh(); }, 4000);
document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
