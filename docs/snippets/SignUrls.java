import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * Signs delivery URLs of Darkroom with nothing but Java 17. Copy what you need; docs/signed-urls.md explains it.
 *
 * <pre>
 * sign(url, key, expiresIn(86400))                         one image for a day
 * image + "?" + signAlbum(folder, key, expiresIn(3600))    any image below a folder for an hour
 * narrow(url, "s-ip=203.0.113.7")                          a signed URL for one address only; needs no key
 * </pre>
 */
public final class SignUrls {
    private static final Pattern SIGNED = Pattern.compile("(.*)&sig=([0-9a-f]{64})");

    /** Unix seconds so long from now. */
    public static long expiresIn(long seconds) {
        return Instant.now().getEpochSecond() + seconds;
    }

    /** Signs a URL, already percent-encoded, until {@code expires}. What it demands besides stands in its query. */
    public static String sign(String url, String key, long expires) {
        String text = url + joint(url) + "exp=" + expires;
        return text + "&sig=" + mac(key.getBytes(StandardCharsets.UTF_8), target(text));
    }

    /** The query that opens every image below a folder such as https://images.example.org/HASH/albums/2026/ */
    public static String signAlbum(String folder, String key, long expires) {
        long depth = path(folder).chars().filter(c -> c == '/').count() - 1;
        String signed = sign(folder + joint(folder) + "s-pfx=" + depth, key, expires);
        return signed.substring(signed.indexOf('?') + 1);
    }

    /** The value of Set-Cookie under which plain URLs below the folder open; {@code query} is what signAlbum gave. */
    public static String albumCookie(String folder, String query, long seconds) {
        return "imgtoken=" + query + "; Path=" + path(folder) + "; Max-Age=" + seconds
                + "; Secure; HttpOnly; SameSite=Lax";
    }

    /** Narrows a signed URL: demands are like "s-ip=203.0.113.7&amp;exp=1790000300"; it is bound to its path too. */
    public static String narrow(String url, String demands) {
        Matcher found = SIGNED.matcher(url);
        if (!found.matches()) {
            throw new IllegalArgumentException("the URL does not end with a signature");
        }
        String text = found.group(1);
        String[] parts = target(text).split("\\?", 2);
        long number = Arrays.stream(parts[1].split("&")).filter(pair -> pair.startsWith("s-at=")).count() + 1;
        String block = "s-at=" + number + (demands.isEmpty() ? "" : "&" + demands);
        return text + "&" + block + "&sig=" + mac(HexFormat.of().parseHex(found.group(2)), parts[0] + "?" + block);
    }

    /** Path and query: protocol and host are not signed. */
    private static String target(String url) {
        return url.replaceFirst("^[a-z]+://[^/]*", "");
    }

    private static String path(String url) {
        return target(url).split("\\?", 2)[0];
    }

    private static String joint(String url) {
        return url.contains("?") ? "&" : "?";
    }

    private static String mac(byte[] key, String text) {
        try {
            Mac mac = Mac.getInstance("HmacSHA256");
            mac.init(new SecretKeySpec(key, "HmacSHA256"));
            return HexFormat.of().formatHex(mac.doFinal(text.getBytes(StandardCharsets.UTF_8)));
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e);
        }
    }

    /** java SignUrls.java day KEY URL | sign KEY URL EXPIRES | album KEY FOLDER EXPIRES | cookie FOLDER QUERY SECONDS | narrow URL DEMANDS */
    public static void main(String[] args) {
        var words = new ArrayDeque<>(List.of(args));
        while (!words.isEmpty()) {
            String verb = words.pop(), first = words.pop(), second = words.pop();
            System.out.println(switch (verb) {
                case "day" -> sign(second, first, expiresIn(86400));
                case "sign" -> sign(second, first, Long.parseLong(words.pop()));
                case "album" -> signAlbum(second, first, Long.parseLong(words.pop()));
                case "cookie" -> albumCookie(first, second, Long.parseLong(words.pop()));
                case "narrow" -> narrow(first, second);
                default -> throw new IllegalArgumentException(verb);
            });
        }
    }
}
