package com.llmgateway.errors;

import java.util.Map;
import java.util.function.Function;

/** Chooses the class of an error: by its code where that has one, else by its status. */
public final class ErrorClasses {
    /**
     * A code that has a class.
     *
     * @param status the status that the code has; with another one it is somebody else's word
     * @param make the constructor of the class
     */
    public record Known(int status, Function<ErrorDetails, ApiException> make) {
    }

    private final String documentation;
    private final Map<String, Known> byCode;

    /** With the page about errors, which may be empty, and the classes that codes have. */
    public ErrorClasses(String documentation, Map<String, Known> byCode) {
        this.documentation = documentation;
        this.byCode = Map.copyOf(byCode);
    }

    /** The place that says what an error means; empty when there is no page. */
    public String page(ErrorDetails details) {
        return documentation.isEmpty() ? "" : documentation + details.code().map(code -> "#" + code).orElse("");
    }

    /** The exception, not thrown. */
    public ApiException make(ErrorDetails details) {
        Known known = byCode.get(details.code().orElse(""));
        boolean isItsStatus = known != null && (details.status() == known.status() || details.status() == 200);
        return isItsStatus ? known.make().apply(details) : byStatus(details);
    }

    private static ApiException byStatus(ErrorDetails details) {
        return switch (details.status()) {
            case 401 -> new AuthenticationFailedException(details);
            case 402 -> new PaymentRequiredException(details);
            case 403 -> new PermissionDeniedException(details);
            case 404 -> new NotFoundException(details);
            case 409 -> new ConflictException(details);
            case 422 -> new UnprocessableException(details);
            case 429 -> new RateLimitedException(details);
            default -> other(details);
        };
    }

    private static ApiException other(ErrorDetails details) {
        if (details.status() >= 500) {
            return new ServerException(details);
        }
        return details.status() >= 400 ? new BadRequestException(details) : new ApiException(details);
    }
}
