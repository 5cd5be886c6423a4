package com.llmgateway.core;

import java.util.Locale;

/**
 * What {@code X-Gateway-SDK} says: no name of a person, machine or project, only versions.
 *
 * @param version of this library
 * @param spec the beginning of the API document's hash
 */
public record SdkInfo(String version, String spec) {
    private static final String RUNTIME = "java-" + Runtime.version().feature();
    private static final String SYSTEM = system(System.getProperty("os.name", "").toLowerCase(Locale.ROOT));

    /** {@code java/1.4.0; rt=java-17; os=linux; spec=ab12cd; try=0}, and {@code via=…} for a helper. */
    String header(int retry, String helper) {
        String said = "java/" + version + "; rt=" + RUNTIME + "; os=" + SYSTEM + "; spec=" + spec + "; try=" + retry;
        return helper.isEmpty() ? said : said + "; via=" + helper;
    }

    String userAgent() {
        return "llm-gateway-java/" + version;
    }

    private static String system(String name) {
        if (name.contains("linux")) {
            return "linux";
        }
        if (name.contains("mac")) {
            return "macos";
        }
        return name.contains("windows") ? "windows" : "other";
    }
}
