// The page's entry: header, the token if one is needed, and the view that the address names.
import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { postJson } from "./api.js";
import { Compare } from "./compare.js";
import { Problem } from "./parts.js";
import { useRoute } from "./route.js";
import { Run } from "./run.js";
import { Runs } from "./runs.js";
import "./style.css";

function App() {
  const route = useRoute();
  const [tokenNeeded, setTokenNeeded] = useState(false);
  useEffect(() => {
    const ask = (): void => setTokenNeeded(true);
    addEventListener("cosearch-login", ask);
    return () => removeEventListener("cosearch-login", ask);
  }, []);
  return (
    <>
      <header>
        <a class="brand" href="#/">
          <img src="./icon.svg" alt="" width="24" height="24" /> cosearch
        </a>
        <nav aria-label="Main">
          <a href="#/" aria-current={route.view === "runs" ? "page" : undefined}>
            Runs
          </a>
        </nav>
      </header>
      <main>
        {tokenNeeded ? (
          <Login done={() => location.reload()} />
        ) : route.view === "runs" ? (
          <Runs />
        ) : route.view === "compare" ? (
          <Compare ids={route.ids} />
        ) : (
          <Run key={route.id} route={route} />
        )}
      </main>
    </>
  );
}

function Login({ done }: { readonly done: () => void }) {
  const [error, setError] = useState<string>();
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const token = new FormData(event.currentTarget as HTMLFormElement).get("token");
    postJson("api/login", { token }).then(done, (problem: Error) => setError(problem.message));
  };
  return (
    <form class="card narrow" onSubmit={submit}>
      <h1>This dashboard needs its token</h1>
      <label>
        Token
        <input name="token" type="password" autocomplete="current-password" required />
      </label>
      <button type="submit">Open</button>
      {error !== undefined && <Problem text={error} />}
    </form>
  );
}

const root = document.getElementById("app");
if (root !== null) render(<App />, root);
