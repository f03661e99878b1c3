import { Button, PasswordInput, TextInput, Title } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { getRouteApi, useRouter } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { setCsrf } from "@/api/client";
import { auth } from "@/api/endpoints";
import { ApiError, explain } from "@/api/errors";
import { meQuery } from "@/api/queries";
import { Logo } from "@/app/Logo";
import { useTitle } from "@/shared/ui/Page";
import classes from "./LoginPage.module.css";

const route = getRouteApi("/login");

function reason(error: unknown): string {
  if (error instanceof ApiError && error.status === 401)
    return "This e-mail and password do not belong together.";
  return explain(error);
}

export function LoginPage() {
  useTitle("Sign in");
  const { next } = route.useSearch();
  const router = useRouter();
  const client = useQueryClient();
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const login = useMutation({
    mutationFn: auth.login,
    onSuccess: async (me) => {
      client.clear();
      setCsrf(me.csrf_token);
      client.setQueryData(meQuery.queryKey, me);
      await router.navigate({ href: next ?? "/", replace: true });
    },
    onError: () => setPassword(""),
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    login.mutate({ email: email.trim(), password });
  };
  return (
    <main className={classes.page}>
      <form className={classes.card} onSubmit={submit}>
        <Logo size={40} />
        <Title order={1}>Sign in to Penstock</Title>
        <p className={classes.lead}>Database changes: reviewed, approved, applied once.</p>
        {login.error && (
          <p className={classes.error} role="alert">
            {reason(login.error)}
          </p>
        )}
        <TextInput
          label="E-mail"
          type="email"
          name="email"
          autoComplete="username"
          required
          withAsterisk={false}
          data-autofocus
          value={email}
          onChange={(e) => setEmail(e.currentTarget.value)}
        />
        <PasswordInput
          label="Password"
          name="password"
          autoComplete="current-password"
          required
          withAsterisk={false}
          value={password}
          onChange={(e) => setPassword(e.currentTarget.value)}
          visibilityToggleButtonProps={{ "aria-label": "Show password" }}
        />
        <Button type="submit" loading={login.isPending} fullWidth mt={4}>
          Sign in
        </Button>
        <p className={classes.foot}>No account? Ask your workspace administrator to add you.</p>
      </form>
    </main>
  );
}
