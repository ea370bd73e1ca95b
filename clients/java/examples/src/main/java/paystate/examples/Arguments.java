package paystate.examples;

import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Arguments of a program: {@code --name value}, and {@code --name} alone. */
final class Arguments {
    private final Map<String, String> values = new HashMap<>();

    /** Reads them; ends the program when a name is not known. */
    static Arguments parse(String[] arguments, String... known) {
        Arguments parsed = new Arguments();
        for (int i = 0; i < arguments.length; i++) {
            String name = arguments[i].startsWith("--") ? arguments[i].substring(2) : "";
            if (!List.of(known).contains(name)) {
                System.err.println("unknown: " + arguments[i] + "; known are --" + String.join(", --", known));
                System.exit(2);
            }
            boolean hasValue = i + 1 < arguments.length && !arguments[i + 1].startsWith("--");
            parsed.values.put(name, hasValue ? arguments[++i] : "");
        }
        return parsed;
    }

    boolean has(String name) {
        return values.containsKey(name);
    }

    String value(String name, String otherwise) {
        return values.getOrDefault(name, otherwise);
    }
}
