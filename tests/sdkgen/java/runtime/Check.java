package com.llmgateway.core;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.util.Objects;

/** The plainest test harness: every static method of the named classes is a test; one line of output each. */
final class Check {
    @FunctionalInterface
    interface Action {
        void run() throws Exception;
    }

    private Check() {
    }

    public static void main(String[] names) throws Exception {
        for (String name : names) {
            for (Method test : Class.forName("com.llmgateway.core." + name).getDeclaredMethods()) {
                if (!test.isSynthetic() && test.getParameterCount() == 0 && test.getReturnType() == void.class) {
                    run(name, test);
                }
            }
        }
    }

    private static void run(String name, Method test) throws IllegalAccessException {
        try {
            test.invoke(null);
            System.out.println("ok " + name + "." + test.getName());
        } catch (InvocationTargetException error) {
            System.out.println("FAIL " + name + "." + test.getName() + " " + error.getCause());
            error.getCause().printStackTrace();
        }
    }

    static void equal(Object expected, Object actual) {
        if (!Objects.equals(expected, actual)) {
            throw new AssertionError("expected <" + expected + ">, got <" + actual + ">");
        }
    }

    static <E extends Throwable> E fails(Class<E> wanted, Action action) throws Exception {
        try {
            action.run();
        } catch (Throwable error) {
            if (wanted.isInstance(error)) {
                return wanted.cast(error);
            }
            throw new AssertionError("expected " + wanted.getSimpleName() + ", got " + error, error);
        }
        throw new AssertionError("expected " + wanted.getSimpleName() + ", got nothing");
    }
}
