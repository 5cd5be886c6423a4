"""What goes wrong has a type."""

from ${module} import Gateway, errors


def main() -> None:
    with Gateway(max_retries=0) as client:
        try:
            client.chat.completions.create(model="no-such-model", messages=[{"role": "user", "content": "Hello."}])
        except errors.ModelNotFound as error:
            print(error.status, error.code, bool(error.request_id))
        except errors.BudgetExceeded as error:
            print("the budget is used up:", error.message)
        except errors.RateLimited as error:
            print("wait", error.retry_after_s, "s")


if __name__ == "__main__":
    main()
